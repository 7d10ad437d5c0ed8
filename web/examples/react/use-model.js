import { useEffect, useState } from 'react';
import { RWKV } from 'rwkv-wasm';

/** A model for as long as the component is there; undefined until it is loaded. */
export function useModel(source) {
  const [model, setModel] = useState();
  const [error, setError] = useState();
  useEffect(() => {
    const leaving = new AbortController();
    const loading = RWKV.load(source, { signal: leaving.signal });
    loading.then(setModel, (reason) => leaving.signal.aborted || setError(reason));
    return () => {
      leaving.abort();
      loading.then(
        (loaded) => loaded.dispose(),
        () => {}, // told above
      );
    };
  }, [source]);
  return { model, error };
}
