import * as modules from './builds.js';
import { serveModels } from './model-worker-node.js';

serveModels(modules);
