/**
 * Ties the methods and accessors of an object to the object itself. Vue, Pinia and valtio hand out Proxies of what they are given:
 * a method called on one gets the Proxy for `this`, which has no private members and is no EventTarget. The constructors
 * of all public classes end with it.
 */
export function bindMembers(self: object): void {
  for (let at = prototypeOf(self); at && at !== Object.prototype; at = prototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      const member = Object.getOwnPropertyDescriptor(at, key);
      if (!member || key === 'constructor' || Object.hasOwn(self, key)) continue;
      if (typeof member.value === 'function') member.value = member.value.bind(self);
      if (member.get) member.get = member.get.bind(self);
      if (member.set) member.set = member.set.bind(self);
      Object.defineProperty(self, key, { ...member, enumerable: false });
    }
  }
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value);
}
