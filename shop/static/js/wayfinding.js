/* Rows of links are wider than a phone: bring the one for the page one is on into sight. */
export function showWhereWeAre(root) {
  for (const link of root.querySelectorAll(":is(nav.site-nav, .room-nav, .tabs) > [aria-current], :is(.room-nav, .tabs) [aria-current]")) {
    const row = link.closest("ul, nav");
    row.scrollLeft = link.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
  }
}
