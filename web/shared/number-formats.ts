// The number formats of weights in memory: the names of the core's (src/quant/table.h), in its order.

export const quantizations = ['f32', 'f16', 'q8', 'q4'] as const;

/** How weights are kept in memory: `'f32'` exact, `'f16'` half the size, `'q8'` a quarter, `'q4'` a seventh (in blocks of 32). */
export type Quantization = (typeof quantizations)[number];
