// Whether a device computes what this processor does, and faster. Drivers are known that compute wrongly, on phones above all.
import { RwkvError } from '../../shared/errors.js';
import { type Computed, logitsBehind, timeToken } from '../computer.js';
import type { WasmSession } from '../module.js';
import { PrefixCache } from '../prefix-cache.js';
import type { DevicePasses } from './passes.js';

type Passes = Pick<DevicePasses, 'model' | 'advance'>;

/** In version 7 the second layer does what the first does not. */
export const checkedLayers = 2;

/**
 * How far the logits behind these layers may differ, as a share of their length. This processor rounds activations to 8 bits
 * in q8 and q4, and a device does not: a hundredth or two.
 */
const tolerance = 0.1;

/** `here`: the first layers of the model, on this processor. @throws RwkvError `device-failed` */
export async function requireAgreement(passes: Passes, here: Computed): Promise<void> {
  const V = here.model.info().vocabulary;
  const tokens = Int32Array.of(Math.floor(V / 2), V - 1, 0, 1);
  const there = await logitsBehind(tokens, passes.model, (sessions, most) =>
    passes.advance(sessions, most, checkedLayers),
  );
  const expected = await logitsBehind(tokens, here.model, advanceOf(here));
  const off = lengthOf(expected.map((logit, i) => logit - (there[i] ?? Number.NaN))) / lengthOf(expected);
  if (off <= tolerance) return; // and not where it is no number
  throw new RwkvError(
    'device-failed',
    `it computes wrongly: behind ${checkedLayers} layers its logits are ${(100 * off).toFixed(0)} % off`,
  );
}

/** Whether a token takes longer there than here, by what the first layers take here. `matrixBytes`: of the whole model. */
export async function isSlower(passes: Passes, here: Computed, matrixBytes: Share): Promise<boolean> {
  const there = await timeToken(passes.model, (sessions, most) => passes.advance(sessions, most));
  const layers = await timeToken(here.model, advanceOf(here));
  return there > (layers * matrixBytes.all) / matrixBytes.checked;
}

/** Bytes that a token reads: of all matrices, and of those of the layers that are checked, the head's among both. */
export interface Share {
  readonly all: number;
  readonly checked: number;
}

const advanceOf = (here: Computed) => {
  const computer = here.makeComputer(new PrefixCache<WasmSession>(0, 1));
  return computer.advance.bind(computer);
};

const lengthOf = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
