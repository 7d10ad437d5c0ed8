// Makes the shipped weights: node quantize.mjs IN.safetensors OUT.safetensors
//
// Every matrix `*.weight` becomes Q8_0, blocks of 32 weights along a row as an f16 scale and 32 int8 (34 bytes), stored as
// U8 and described in the metadata: "emb.weight": "Q8_0 4096 192". The low-rank and the small tensors stay f16 as they are.
import { readFileSync, writeFileSync } from 'node:fs';

const BLOCK = 32;
const BLOCK_BYTES = 34;

function halfToFloat(half) {
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  const magnitude = exponent ? (1024 + mantissa) * 2 ** (exponent - 25) : mantissa * 2 ** -24;
  return half & 0x8000 ? -magnitude : magnitude;
}

// Rounds to nearest, ties to even; for the magnitudes of scales.
function floatToHalf(value) {
  if (value === 0) return 0;
  const exponent = Math.max(Math.floor(Math.log2(value)), -14);
  const scaled = value / 2 ** (exponent - 10);
  let mantissa = Math.round(scaled);
  if (Math.abs(scaled % 1) === 0.5 && mantissa % 2) mantissa -= 1;
  return ((exponent + 14) << 10) + mantissa;
}

// halves (f16 bits, a whole number of blocks) -> Q8_0 bytes.
function quantize(halves) {
  const out = Buffer.alloc((halves.length / BLOCK) * BLOCK_BYTES);
  for (let b = 0; b * BLOCK < halves.length; ++b) {
    const weights = Array.from(halves.subarray(b * BLOCK, (b + 1) * BLOCK), halfToFloat);
    const half = floatToHalf(Math.max(...weights.map(Math.abs)) / 127);
    const scale = halfToFloat(half);
    out.writeUInt16LE(half, b * BLOCK_BYTES);
    weights.forEach((weight, i) => {
      const q = scale > 0 ? Math.round(weight / scale) : 0;
      out.writeInt8(Math.min(Math.max(q, -127), 127), b * BLOCK_BYTES + 2 + i);
    });
  }
  return out;
}

const [input, output] = process.argv.slice(2);
const file = readFileSync(input);
const headerBytes = Number(file.readBigUInt64LE(0));
const { __metadata__: metadata, ...tensors } = JSON.parse(file.subarray(8, 8 + headerBytes).toString());

const header = { __metadata__: { ...metadata } };
const chunks = [];
let offset = 0;
for (const [name, { dtype, shape, data_offsets }] of Object.entries(tensors)) {
  const bytes = Buffer.from(file.subarray(...data_offsets.map((at) => 8 + headerBytes + at))); // aligned by the copy
  const isMatrix = name.endsWith('.weight') && shape.length === 2;
  const data = isMatrix ? quantize(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)) : bytes;
  if (isMatrix) header.__metadata__[name] = `Q8_0 ${shape.join(' ')}`;
  header[name] = {
    dtype: isMatrix ? 'U8' : dtype,
    shape: isMatrix ? [data.length] : shape,
    data_offsets: [offset, offset + data.length],
  };
  offset += data.length;
  chunks.push(data);
}
const json = JSON.stringify(header);
const padded = Buffer.from(json.padEnd(Math.ceil((8 + json.length) / 64) * 64 - 8)); // data at a multiple of 64
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(padded.length));
writeFileSync(output, Buffer.concat([length, padded, ...chunks]));
console.log(`${output}: ${8 + padded.length + offset} bytes`);
