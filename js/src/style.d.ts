/** Made by build.mjs: our own style with KaTeX's, fonts inside. */
declare module "magistral:style" {
  const css: string;
  export default css;
}

declare module "*.md" {
  const text: string;
  export default text;
}
