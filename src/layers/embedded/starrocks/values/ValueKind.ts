/** What a value of a load's body is. Plain numbers, because there is one for every value of every row. */
export const ValueKind = { null: 0, true: 1, false: 2, number: 3, string: 4, object: 5, array: 6 } as const
