// A page that has the package and nothing else: tests call it.
import { RWKV, store } from '../../../dist/index.js';
import { learning, newModel, trainVocabulary } from '../../../dist/learning.js';
import { lesson } from './lesson.js';

const teach = () => lesson({ RWKV, learning, newModel, trainVocabulary });

Object.assign(window, { RWKV, store, teach });
