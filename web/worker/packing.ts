// A packed file made of a stored one.
import type { Request, StoredPlace } from '../shared/protocol.js';
import type { Report } from '../store/shelf-host.js';
import { keepPacked } from '../store/storing.js';
import { startEngine } from './engine.js';
import { openSource, type WorkerHost } from './host.js';
import { reader, unwrap } from './module.js';

/** What the operation `pack` does. @throws RwkvError as `startEngine`, as the core for the model, as `keepPacked` */
export async function pack(request: Request<'pack'>, host: WorkerHost, report: Report): Promise<StoredPlace> {
  const engine = await startEngine(request.build, host, 1, request.wasmUrl);
  const source = await openSource({ ...request.model }, host);
  try {
    const file = unwrap(engine.module.inspect(reader(source)));
    const quantization = request.quantization ?? file.quantization ?? 'q8';
    if (file.quantization === quantization) return request.model; // it is packed already
    const pieces = unwrap(engine.module.startConversion(reader(source), request.quantization, null));
    const next = () => unwrap(pieces.next());
    const close = () => source.close();
    return await keepPacked(request, { quantization, bytes: pieces.bytes(), next, close }, host, report);
  } finally {
    source.close();
  }
}
