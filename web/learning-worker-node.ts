import * as modules from './learning-builds.js';
import { serveModels } from './serving-node.js';
import { teaching } from './worker/teaching.js';

serveModels(modules, teaching);
