/** Numbers as Python writes them: halves go to the even neighbour, thousands are grouped by commas. */

export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Like Python's `f"{value:.{digits}f}"`. */
export function fixed(value: number, digits: number): string {
  const scaled = value * 10 ** digits;
  const isTie = Math.abs(scaled % 1) === 0.5 && Number.isInteger(value * 2 ** 20); // 0.25 is one, and 0.35 is not
  return isTie ? (roundHalfEven(scaled) / 10 ** digits).toFixed(digits) : value.toFixed(digits);
}

export function grouped(whole: number, fraction = ""): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ",") + fraction;
}

/** Show two digits that mean something: $0.0012, $0.38, $12.00. */
export function dollars(cost: number): string {
  if (cost <= 0) return "$0";
  const [whole = "0", fraction = ""] = fixed(cost, Math.max(2, 1 - Math.floor(Math.log10(cost)))).split(".");
  return `$${grouped(Number(whole))}.${fraction}`;
}
