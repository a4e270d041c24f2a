import { expect, test } from "bun:test";
import { digits, median, quantile, ratio, show, showRatio } from "./figure.ts";

test("quantiles interpolate and do not disturb the samples", () => {
  const samples = [4, 1, 3, 2];
  expect(quantile(samples, 0)).toBe(1);
  expect(median(samples)).toBe(2.5);
  expect(quantile(samples, 1)).toBe(4);
  expect(samples).toEqual([4, 1, 3, 2]);
  expect(median([])).toBeNaN();
});

test("a ratio is the median over the pairs, so that a slow round counts on both sides", () => {
  const mine = { unit: "s", samples: [2, 20, 2] } as const;
  const theirs = { unit: "s", samples: [1, 10, 1] } as const;
  expect(ratio(mine, theirs)).toBe(2);
  // Without pairs there are only the medians.
  expect(ratio(mine, { unit: "s", samples: [4, 4] })).toBe(0.5);
});

test("figures are shown with three digits, in the unit that fits their median", () => {
  expect(show({ unit: "s", samples: [0.0123] })).toBe("12.3 ms");
  expect(show({ unit: "s", samples: [1e-6, 2e-6, 3e-6] })).toBe("2.00 µs (1.50–2.50)");
  expect(show({ unit: "B", samples: [3 * 2 ** 20] })).toBe("3.00 MiB");
  expect(show({ unit: "B/s", samples: [0.85e9] })).toBe("850 MB/s");
  expect(show({ unit: "/s", samples: [12_345] })).toBe("12,345/s");
  expect(show({ unit: "", samples: [0] })).toBe("0");
  expect(show({ unit: "B", samples: [-5 * 2 ** 20] })).toBe("-5.00 MiB");
  expect(digits(0)).toBe("0");
});

test("a small part is shown as a fraction", () => {
  expect(showRatio(1.306)).toBe("1.31 ×");
  expect(showRatio(0.005)).toBe("1/200");
});
