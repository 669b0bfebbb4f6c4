// Node below 22 lacks Promise.withResolvers, without which every invocation of this SDK hangs in `running`.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new Promise((a, b) => { resolve = a; reject = b; });
  return { promise, resolve, reject };
};
