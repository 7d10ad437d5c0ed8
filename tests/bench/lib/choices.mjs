// What options of the programs may be.
import { InvalidArgumentError } from 'commander';

/** Parses `a,b`: some of `choices`, in their order. */
export const listOf = (choices) => (text) => {
  const chosen = text.split(',');
  const strange = chosen.find((one) => !choices.map(String).includes(one));
  if (strange !== undefined)
    throw new InvalidArgumentError(`${strange}: expected some of ${choices.join(',')}`);
  return choices.filter((one) => chosen.includes(String(one)));
};

/** Parses a whole number from 1 on. */
export const count = (text) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a number from 1 on');
  return value;
};
