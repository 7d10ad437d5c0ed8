import * as modules from './learning-builds.js';
import { serveModels } from './model-worker-node.js';

serveModels(modules);
