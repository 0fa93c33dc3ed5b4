import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    {
      name: "style",
      resolveId: (id) => (id === "magistral:style" ? id : null),
      load: (id) => (id === "magistral:style" ? "export default ''" : null),
    },
  ],
  test: { include: ["tests/**/*.test.ts"], testTimeout: 20_000 },
});
