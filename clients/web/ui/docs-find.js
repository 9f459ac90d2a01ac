// Finding in the documents: every word must stand somewhere in what is looked through. Pure.

/** @param {string} query @returns {(text: string) => boolean} */
export function finder(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return (text) => {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
}
