// A Node that has require() of ES modules and relaxed SIMD, beside the one that runs the tests.
import { modernNode } from '../programs.mjs';

/** The path of its program: the one that the environment's NODE24 names, else this one or one from npm. */
export function node24(): string {
  const { NODE24 = modernNode() } = process.env;
  return NODE24;
}
