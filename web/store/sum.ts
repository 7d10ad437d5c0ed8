// Alone, so that bundlers take of the library what is used.
export { sha256 } from '@noble/hashes/sha2.js';
