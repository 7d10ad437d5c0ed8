import * as modules from './learning-builds.js';
import { serveModels } from './serving-node.js';

serveModels(modules);
