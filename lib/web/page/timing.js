/** When things are done. @module */

/**
 * Makes a function that runs another a while after it is called; what it is called meanwhile is the same
 * run. So much that happens at once is answered once.
 *
 * @param {number} wait in milliseconds
 * @param {() => void} run
 * @returns {() => void}
 */
export function collected(wait, run) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      run();
    }, wait);
  };
}
