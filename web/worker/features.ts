// Which WebAssembly features this engine has: it is asked to validate the smallest module that uses them, or to make what
// they are about.

// A module of one function () -> v128 with the given body, which ends in 0x0b.
const functionModule = (...body: number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version 1
    ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b], // types: one, () -> v128
    ...[0x03, 0x02, 0x01, 0x00], // functions: one, of type 0
    ...[0x0a, body.length + 4, 0x01, body.length + 2, 0x00, ...body], // code: one body without locals
    0x0b, // end
  );

const zero = [0x41, 0x00, 0xfd, 0x0f]; // i32.const 0; i8x16.splat

/** The SIMD128 proposal, in all engines since 2023. */
export function hasSimd(): boolean {
  return WebAssembly.validate(functionModule(...zero));
}

/**
 * The relaxed SIMD proposal: fused multiply-add, integer dot products. Engines that have it behind a flag only, as the V8
 * of Node 20, compute dot products wrong on some processors; they are older than `Object.groupBy`, and engines that
 * have both are not.
 */
export function hasRelaxedSimd(): boolean {
  if (!('groupBy' in Object)) return false;
  return WebAssembly.validate(functionModule(...zero, ...zero, 0xfd, 0x80, 0x02)); // i8x16.relaxed_swizzle
}

/**
 * Memory that threads share. Browsers have it in pages that are cross-origin isolated: only there it can be sent to a
 * worker, and only there they show SharedArrayBuffer, which WebKitGTK does nowhere. Node has it always.
 */
export function hasSharedMemory(): boolean {
  if (globalThis.crossOriginIsolated === false || !('SharedArrayBuffer' in globalThis)) return false;
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    return true;
  } catch {
    return false;
  }
}
