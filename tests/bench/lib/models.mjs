// The models that are measured, and the tool that writes them. Built and written on demand, kept under build/.
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPreset } from '../../../wasm/build.mjs';
import { ensureToolchain } from '../../../wasm/toolchain.mjs';

/** The repository's folder. */
export const home = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** Layers, channels (C) and vocabulary (V) of the random models of version 7. */
export const shapes = {
  '0.1B': [12, 768, 65536],
  '0.4B': [24, 1024, 65536],
  '1.5B': [24, 2048, 65536],
};

/** The embedded model comes with the package: it has a name and no file. */
export const modelNames = [...Object.keys(shapes), 'storyteller'];

/** Builds `target` of a preset where `file` (from the repository's folder) is missing. */
export async function ensureBuilt(preset, target, file) {
  const path = join(home, file);
  if (!existsSync(path)) await buildPreset(preset, await ensureToolchain(), [target]);
  return path;
}

/** The path of a model's .pth, or of its GGUF where `type` names one of ggml's; `null`: the storyteller. */
export async function ensureModel(name, type) {
  return name === 'storyteller' ? null : ensureRandomModel(shapes[name], type);
}

/** The path of a random model of layers, channels and vocabulary. */
export async function ensureRandomModel(sizes, type) {
  const shape = sizes.map(String);
  const path = join(home, 'build', `random-${shape.join('-')}${type ? `-${type}.gguf` : '.pth'}`);
  if (existsSync(path)) return path;
  const writer = await ensureBuilt('native', 'write_models', 'build/native/tests/write_models');
  console.error(`writing ${path}`);
  const args = type ? ['gguf', ...shape, type] : ['random', ...shape];
  const { status, stderr } = spawnSync(writer, [...args, `${path}.part`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`write_models ${args.join(' ')}: ${stderr}`);
  renameSync(`${path}.part`, path);
  return path;
}

/**
 * What one token costs, of `model.info`: weights that meet each token, and bytes read of them. The embedding is not
 * among them: one of its rows is read. It is Q8_0 (34 bytes for 32) beside q8 and q4, else halves. `head`: those of the weights
 * that tokens of a prompt do not meet, as only the last one's logits are wanted.
 */
export function costOf({ parameters, vocabulary, channels, bytes, quantization }) {
  const embedding = vocabulary * channels;
  const embeddingBytes = quantization.startsWith('q') ? (embedding / 32) * 34 : embedding * 2;
  return { weights: parameters - embedding, head: embedding, bytes: bytes - embeddingBytes };
}

/** Bytes of one session's recurrent state in version 7. */
export function stateBytes({ layers, channels, headSize }) {
  return 4 * layers * (2 * channels + channels * headSize);
}
