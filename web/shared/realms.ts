// Objects of the host, also of another realm: of a frame, a virtual machine, jsdom, a second load of a module. Each realm has
// classes of its own, so that `instanceof` tells nothing; these tell what an object is by its tag or its shape.

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice('[object '.length, -1);

export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return tagOf(value) === 'ArrayBuffer';
}

/** Buffers of Node too. */
export function isUint8Array(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && tagOf(value) === 'Uint8Array';
}

/** Files too. */
export function isBlob(value: unknown): value is Blob {
  return ['Blob', 'File'].includes(tagOf(value));
}

export function isUrl(value: unknown): value is URL {
  return tagOf(value) === 'URL' && has(value, 'href');
}

export function isRequest(value: unknown): value is Request {
  return tagOf(value) === 'Request' && has(value, 'url');
}

export function isAbortSignal(value: unknown): value is AbortSignal {
  return has(value, 'aborted') && has(value, 'throwIfAborted') && has(value, 'addEventListener');
}

export function isMap(value: unknown): value is ReadonlyMap<unknown, unknown> {
  return tagOf(value) === 'Map';
}

export function isRegExp(value: unknown): value is RegExp {
  return tagOf(value) === 'RegExp';
}

export function isMemory(value: unknown): value is WebAssembly.Memory {
  return tagOf(value) === 'WebAssembly.Memory';
}

/** DOMExceptions too, and those of a class of their own, such as QuotaExceededError in new browsers. */
export function isError(value: unknown): value is Error {
  return tagOf(value) === 'Error' || isDomException(value);
}

export function isDomException(value: unknown): value is DOMException {
  const isNamed = has(value, 'name') && has(value, 'message') && has(value, 'code');
  return isNamed && (tagOf(value) === 'DOMException' || /\wError$/.test(tagOf(value)));
}

/** What errors of Node tell programs. */
export function codeOf(error: unknown): unknown {
  return isError(error) && 'code' in error ? error.code : undefined;
}

function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === 'object' && value !== null && name in value;
}
