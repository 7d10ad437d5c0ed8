import * as modules from './builds.js';
import { serveModels } from './serving-web.js';

serveModels(modules);
