/** A map that remembers so many entries: the one that was set the longest ago goes first. */
export class BoundedMap<K, V> {
  private readonly entries = new Map<K, V>()
  private readonly entriesMax: number

  constructor(entriesMax: number) {
    this.entriesMax = entriesMax
  }

  /** Sets an entry and makes it the newest. */
  set(key: K, value: V): void {
    this.entries.delete(key)
    this.entries.set(key, value)
    const [oldest] = this.entries.keys()
    if (this.entries.size > this.entriesMax && oldest !== undefined) this.entries.delete(oldest)
  }

  get(key: K): V | undefined {
    return this.entries.get(key)
  }

  has(key: K): boolean {
    return this.entries.has(key)
  }
}
