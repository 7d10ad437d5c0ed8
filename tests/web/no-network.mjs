// For `node --import`: whatever asks the network is written down in the file that ASKED_FILE names, and fails. Threads begin with it too.
import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { isIP } from 'node:net';

const require = createRequire(import.meta.url);
const net = require('node:net');
const dns = require('node:dns');
const dgram = require('node:dgram');

function asked(what) {
  appendFileSync(process.env.ASKED_FILE, `${what}\n`);
  throw Object.assign(new Error(`${what}: no network here`), { code: 'ENETUNREACH' });
}

// TCP, TLS, HTTP, HTTP/2, fetch and web sockets all end here.
net.Socket.prototype.connect = (...args) => asked(`connect ${JSON.stringify(args.flat()[0])}`);
dgram.Socket.prototype.send = () => asked('send a datagram');
for (const resolver of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype])
  for (const name of Object.getOwnPropertyNames(resolver).filter((name) =>
    /^(lookup|resolve|reverse)/.test(name),
  )) {
    const usual = resolver[name];
    resolver[name] = function (host, ...args) {
      // Addresses are no question; servers listen at one.
      return isIP(String(host)) ? usual.call(this, host, ...args) : asked(`${name} ${host}`);
    };
  }
syncBuiltinESMExports();
