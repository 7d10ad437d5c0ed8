// A page that has the package and nothing else: tests call it.
import { RWKV } from '../../../dist/index.js';

Object.assign(window, { RWKV });
