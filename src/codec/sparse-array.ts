/** Whether an array has an element at each index; arrays with holes are carried by index instead. */
export function isDense(array: readonly unknown[], keys: readonly string[]): boolean {
  const length = array.length
  return keys.length === length && (length === 0 || keys[length - 1] === String(length - 1))
}

/** An array that consists of holes. */
export function holes(length: number): unknown[] {
  const array: unknown[] = []
  if (length > 0) {
    // Setting `length` would allocate every slot; a far element makes the engine keep the array as a table.
    array[length - 1] = null
    Reflect.deleteProperty(array, length - 1)
  }
  return array
}
