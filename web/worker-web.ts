import * as modules from './builds.js';
import { serveModels } from './model-worker-web.js';

serveModels(modules);
