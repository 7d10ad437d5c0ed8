import * as modules from './learning-builds.js';
import { serveModels } from './serving-web.js';

serveModels(modules);
