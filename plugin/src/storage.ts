/** A line of text that outlives the page. A browser that refuses storage forgets it, nothing else happens. */

export interface Note {
  read(): string | null
  write(text: string): void
  clear(): void
}

export function note(name: string): Note {
  const tried = <T>(act: () => T, otherwise: T): T => {
    try {
      return act()
    } catch {
      return otherwise
    }
  }
  return {
    read: () => tried(() => window.localStorage.getItem(name), null),
    write: (text) => tried(() => window.localStorage.setItem(name, text), undefined),
    clear: () => tried(() => window.localStorage.removeItem(name), undefined),
  }
}
