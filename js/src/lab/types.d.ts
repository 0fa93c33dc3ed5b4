/** The version of the package, set by build.mjs. */
declare const __VERSION__: string;

/** What build.mjs makes of `src/widget/bundle.ts`, as a chunk of its own. */
declare module "magistral:bundle";
