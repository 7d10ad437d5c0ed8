// A Node that has require() of ES modules and relaxed SIMD, beside the one that runs the tests.
import { modernNode } from '../programs.mjs';

/** The path of its program: the one that the environment's NODE24 names, else this one or one from npm. */
export const node24 = (): string => process.env['NODE24'] ?? modernNode();
