// A file that the platform has made goes to the browser's downloads.
const LONG = 60_000; // Milliseconds: some browsers ask where to, and read it only then.

export function download(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), LONG);
}
