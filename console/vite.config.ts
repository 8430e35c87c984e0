// One build of the pages that the platform itself serves (kangyun.web.console).
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "~": here("src") } },
  build: {
    target: "chrome100",
    outDir: here("../src/kangyun/web/console/built"),
    emptyOutDir: true,
    sourcemap: false,
    chunkSizeWarningLimit: 900,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { console: here("console.html"), my: here("my.html") } },
  },
  // All that pages ask of the platform, the line of the alarm centre too.
  server: {
    proxy: {
      "^/(about|fhir|oauth|account|residents|devices|alarms|feeds|openapi.json)": { target: "http://127.0.0.1:8080", ws: true },
    },
  },
});
