// Blocks the first paint on purpose: a page in the wrong colours would flash.
const theme = document.cookie.match(/(?:^|; )theme=(light|dark)(?:;|$)/);
if (theme) document.documentElement.dataset.theme = theme[1];
