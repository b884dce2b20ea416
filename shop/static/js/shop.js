/* Improves pages that already work without it; each module looks for its own data attribute. */
import { steppers } from "./quantity.js";
import { live } from "./live.js";
import { forms } from "./forms.js";
import { nearby } from "./nearby.js";
import { showWhereWeAre } from "./wayfinding.js";

showWhereWeAre(document);
steppers(document);
forms(document);
nearby(document);
live(document);
