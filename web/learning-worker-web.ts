import * as modules from './learning-builds.js';
import { serveModels } from './model-worker-web.js';

serveModels(modules);
