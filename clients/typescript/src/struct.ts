import { Struct } from './gen/google/protobuf/struct.js';

// The generated unwrap assigns keys to an ordinary object: a `__proto__` key on the wire would become its
// prototype, invisible to every check and gone when encoded again. Without a prototype it is a key like any other.
Struct.unwrap = (message) => {
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of message.fields) object[key] = value;
  return object;
};
