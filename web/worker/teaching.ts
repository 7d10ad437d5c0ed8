// What a worker has that teaches models, and those of others have not. Its own, not loaded when it is asked for: WebKit begins a worker's
// script once more where a bundler's chunk imports from it.
import { Tuning } from './tuning.js';
import { VocabularyTraining } from './vocabulary/training.js';

export const teaching = {
  tune: Tuning.begin,
  trainVocabulary: () => new VocabularyTraining(),
};

export type Teaching = typeof teaching;
