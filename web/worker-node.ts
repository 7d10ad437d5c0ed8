import * as modules from './builds.js';
import { serveModels } from './serving-node.js';

serveModels(modules);
