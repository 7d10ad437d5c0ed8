// The recurrent state as a picture: columns are layers, squares are heads, a pixel is one number of a head's matrix.
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { bytes } from '../format.js';
import { model } from '../models/loaded.js';
import { growth, running, tree } from '../write/continuing.js';
import { placeOf, standAt, stateBytes } from '../write/places.js';
import { type LayerState, layersOf } from './saved-session.js';
import { isWatched, picture } from './watching.js';

/** Pixels between heads. */
const gap = 4;
/** The layers of version 4 are rows of C: they are drawn so many pixels high, one below the other. */
const rowHeight = 8;

export function StatePicture() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    isWatched.value = true;
    return () => {
      isWatched.value = false;
    };
  }, []);

  // While the model rests, the state is that of the branch that is shown.
  useSignalEffect(() => {
    growth.value;
    const [writer, grove] = [model.value, tree.value];
    if (!writer || !grove || running.value) return;
    const text = grove.textOf(grove.current);
    const take = async () => {
      const kept = placeOf(text);
      const place = kept ?? (await standAt(writer, text));
      picture.value = await place.session.save();
      if (!kept) await place.session.dispose();
    };
    take().catch(() => {
      picture.value = undefined; // the model was replaced meanwhile
    });
  });

  useSignalEffect(() => {
    const [saved, info] = [picture.value, model.value?.info];
    const layers = saved && info && layersOf(saved, info);
    const { current } = canvas;
    if (layers && current) draw(current, layers);
  });

  const info = model.value?.info;
  return (
    <figure class="state">
      <canvas
        ref={canvas}
        width={404}
        height={200}
        role="img"
        aria-label={
          info ? `The recurrent state: ${info.layers} layers of ${info.heads} heads` : 'The recurrent state'
        }
      />
      <figcaption>
        {model.value && info && (
          <dl class="facts">
            <dt>Layers × heads</dt>
            <dd>
              {info.layers} × {info.heads}
            </dd>
            <dt>Each head</dt>
            <dd>
              {info.headSize} × {info.headSize} numbers
            </dd>
            <dt>One state</dt>
            <dd>{bytes(stateBytes(model.value))}</dd>
          </dl>
        )}
        <p class="legend">
          <span class="less" /> below zero <span class="more" /> above
        </p>
      </figcaption>
    </figure>
  );
}

function draw(canvas: HTMLCanvasElement, layers: readonly LayerState[]): void {
  const [first] = layers;
  const context = canvas.getContext('2d');
  if (!first || !context) return;
  const { heads, rows, columns } = first;
  const isRows = heads === 1 && rows < columns;
  const scale = isRows ? rowHeight : 1;
  const [across, down] = isRows ? [1, layers.length] : [layers.length, heads];
  const [stepX, stepY] = [columns + gap, rows * scale + gap];
  // Setting a size empties the canvas.
  canvas.width = across * stepX - gap;
  canvas.height = down * stepY - gap;
  const image = context.createImageData(canvas.width, canvas.height);
  layers.forEach(({ values }, layer) => {
    for (let head = 0; head < heads; head++) {
      const [x, y] = isRows ? [0, layer] : [layer, head];
      const part = values.subarray(head * rows * columns, (head + 1) * rows * columns);
      paint(image, part, { left: x * stepX, top: y * stepY, rows, columns, scale });
    }
  });
  context.putImageData(image, 0, 0);
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly rows: number;
  readonly columns: number;
  readonly scale: number;
}

// Colour tells the sign, opacity the size: |x| / (|x| + m) with the head's mean size m, so that heads of any scale are seen.
function paint(image: ImageData, values: Float32Array, { left, top, rows, columns, scale }: Box): void {
  let sum = 0;
  for (const value of values) sum += Math.abs(value);
  const mean = sum / values.length || 1;
  for (let y = 0; y < rows * scale; y++) {
    for (let x = 0; x < columns; x++) {
      const value = values[Math.floor(y / scale) * columns + x] ?? 0;
      const [red, green, blue] = value < 0 ? [92, 124, 158] : [196, 98, 56];
      const size = Math.abs(value);
      image.data.set(
        [red, green, blue, 255 * (size / (size + 1.5 * mean))],
        4 * ((top + y) * image.width + left + x),
      );
    }
  }
}
