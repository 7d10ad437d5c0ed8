// Who writes: the model itself, or one of its voices.
import { choose, fitting, voice } from './voices.js';

export function VoiceChoice() {
  if (fitting.value.length === 0) return null;
  return (
    <label class="voice">
      <span>Voice</span>
      <select value={voice.value?.id ?? ''} onChange={({ currentTarget }) => choose(currentTarget.value)}>
        <option value="">The model’s own</option>
        {fitting.value.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
