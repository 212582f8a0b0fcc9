import { assertEquals } from "@std/assert";
import { countRemoteImages } from "../../../lib/web/page/remote_images.js";

const counts: [html: string, count: number][] = [
  ["", 0],
  ["<p>http://a.test/x.png</p>", 0],
  ['<a href="http://a.test/">x</a>', 0],
  ['<img src="http://a.test/x.png">', 1],
  ["<IMG alt=x SRC=//a.test/x.png>", 1],
  ["<img/src='https://a.test/x.png'/>", 1],
  ['<img alt="a > b" src="http://a.test/x.png">', 1],
  ['<img src="http://a.test/x.png"><img src="http://a.test/x.png">', 1],
  ['<img src="http://a.test/x.png"><img src="http://a.test/y.png">', 2],
  ['<img src="cid:logo"><img src="data:image/png;base64,AA=="><img src="">', 0],
  ['<img src="h&#116;tp://a.test/x.png">', 1],
  ['<img srcset="http://a.test/1.png 1x, http://a.test/2.png 2x">', 2],
  ['<td background="http://a.test/back.png">', 1],
  ["<div style=\"background: url( 'http://a.test/back.png')\">", 1],
  ["<style>p { background: url(//a.test/back.png) }</style>", 1],
  ['<imgage src="http://a.test/x.png">', 0],
  ['<img src="http://a.test/x.png', 1],
];

Deno.test("remote images of HTML are counted, each once", async (t) => {
  for (const [html, count] of counts) {
    await t.step(html, () => assertEquals(countRemoteImages(html), count));
  }
});

Deno.test("HTML that is made to be slow to count is not", () => {
  const hostile = [
    "<img ",
    '<img a="',
    "<img a='",
    "url(",
    "url(         ",
    "<img srcset=x,",
    "<img a =",
  ];
  for (const piece of hostile) countRemoteImages(piece.repeat(300_000));
});
