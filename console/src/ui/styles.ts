// Styles that are made while the page runs carry the page's nonce, or the browser refuses them. Ant Design's measuring of
// scrollbars makes some without asking for it, so it is given to every style element where it is made.
export function beginStyles(): void {
  const nonce = document.querySelector<HTMLMetaElement>("meta[name=nonce]")?.content ?? "";
  const make = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const made = make(name, options);
    if (made instanceof HTMLStyleElement) made.nonce = nonce;
    return made;
  }) as typeof document.createElement;
}
