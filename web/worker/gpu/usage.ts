// What buffers are for: the bits of GPUBufferUsage and GPUMapMode, which not every host has as names.
export const usage = { read: 0x1, copyFrom: 0x4, copyTo: 0x8, uniform: 0x40, storage: 0x80 };
export const mapRead = 0x1;
export const compute = 0x4; // GPUShaderStage
