// A page that has the package and nothing else: tests call it.
import { RWKV, store } from '../../../dist/index.js';

Object.assign(window, { RWKV, store });
