// What a chosen file holds and what it will take, before it is loaded.
import type { Quantization } from 'rwkv-wasm';
import { bytes, count } from '../format.js';
import { loading, notice } from './loaded.js';
import { isWorld, lacksVocabulary, loadOpening, type Opening, opening, vocabulary } from './opening.js';

const quantizations: Readonly<Record<Quantization, string>> = {
  q4: 'smallest, nearly as good',
  q8: 'as good as exact, and fast',
  f16: 'half precision',
  f32: 'exact',
};
const order: readonly Quantization[] = ['q4', 'q8', 'f16', 'f32'];

export function Opened() {
  const chosen = opening.value;
  if (!chosen) return null;
  const { name, file, problem } = chosen;
  if (!file && !problem) return null; // its progress is shown

  return (
    <section class="opened" aria-labelledby="opened-heading">
      <h2 id="opened-heading">{name}</h2>
      {problem && <p class="error">{problem}</p>}
      {notice.value.isError && <p class="error">{notice.value.text}</p>}
      {file && (
        <>
          <p class="lead">
            RWKV-{file.version} · {count(file.parameters)} parameters · {file.layers} layers of{' '}
            {file.channels} · {file.format}, {bytes(file.fileBytes)}
          </p>
          <fieldset class="quantizations">
            <legend>Memory for the weights</legend>
            {order.map((quantization) => (
              <label key={quantization}>
                <input
                  type="radio"
                  name="quantization"
                  value={quantization}
                  checked={chosen.quantization === quantization}
                  onChange={() => {
                    opening.value = { ...chosen, quantization };
                  }}
                />
                <span class="size">
                  <strong>{quantization}</strong>
                  <span>{bytes(file.memory[quantization])}</span>
                  <small>{quantizations[quantization]}</small>
                </span>
              </label>
            ))}
          </fieldset>
          <VocabularyLine chosen={chosen} />
        </>
      )}
      <p class="row-actions">
        {file && (
          <button
            type="button"
            class="primary"
            disabled={loading.value !== undefined}
            onClick={() => void loadOpening()}
          >
            Load
          </button>
        )}
        <button
          type="button"
          onClick={() => {
            opening.value = undefined;
          }}
        >
          Close
        </button>
      </p>
    </section>
  );
}

function VocabularyLine({ chosen }: { chosen: Opening }) {
  const { file } = chosen;
  if (!file) return null;
  if (file.tokenizer !== null) return <p>It brings its vocabulary.</p>;
  if (vocabulary.value) return <p>Vocabulary: {vocabulary.value.name}</p>;
  if (isWorld(file)) return <p>Vocabulary: that of RWKV World, 1.1 MB, which comes along.</p>;
  if (file.vocabulary === 256) return <p>Its tokens are bytes: it needs no vocabulary.</p>;
  return (
    <p class="hint">
      {lacksVocabulary(chosen) &&
        'It brings no vocabulary. Choose or drop one beside it; without it the model cannot read text.'}
    </p>
  );
}
